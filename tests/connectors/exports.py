"""Exports written by hand from the vendors' headings. The people are made up; what is in them is counted by hand.

HubSpot's contacts come as a German spreadsheet saved them: Windows-1252, semicolons, three columns renamed.
Mailchimp's audience comes as its ZIP: UTF-8 with a byte order mark, an emoji, a note over two lines.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

CONTACTS = """\
Record ID;Vorname;Nachname;E-Mail;Phone Number;Lifecycle Stage;Unsubscribed from all email;Create Date
1;Jürgen;Groß;juergen@gross.example;030 111111;Customer;;2023-01-01 10:00
2;Zoë;Müller;zoe@mueller.example;;Lead;true;2023-01-02 10:00
3;Ida;Öz;ida@oez.example;+49 40 222222;Lead;false;2023-01-03 10:00
4;;;office@bureau.example;;Lead;;2023-01-04 10:00
5;Jürgen;Grosse;JUERGEN@gross.example;030 111111;Lead;;2024-01-05 10:00
6;Karl;König;;0151 23456789;Lead;;2023-01-06 10:00
7;Lea;Lang;lea@lang.example;;Lead;;2023-01-07 10:00
8;Max;"May"er;max@mayer.example;;Lead;;2023-01-08 10:00
9;Nil;Noll;not-an-address;;Lead;;2023-01-09 10:00
10;Karla;Kurz;karla@kurz.example;030 555555;Customer;;2023-01-10 10:00
"""

_HEAD = (
    "Email Address,First Name,Last Name,Phone Number,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,"
    "LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,"
)
_NOWHERE = ",,,,,DE,BE,"
SUBSCRIBED = (
    _HEAD
    + "LAST_CHANGED,LEID,EUID,NOTES,TAGS\n"
    + "juergen@gross.example,Jürgen 🥐,Groß,,5,2023-03-01 08:00:00,192.0.2.1,2023-03-01 08:05:00,192.0.2.1,"
    + _NOWHERE
    + '2024-01-10 12:00:00,1,e1,,"""Brot"",""Gast, lieber"""\n'
    + "zoe@mueller.example,Zoë,Müller,+49 30 333333,4,,,2023-03-02 08:05:00,192.0.2.2,"
    + _NOWHERE
    + "2024-01-10 12:00:00,2,e2,,\n"
    + "ida@oez.example,Ida,Öz,040 222222,3,,,2023-03-03 08:05:00,,"
    + _NOWHERE
    + '2024-01-10 12:00:00,3,e3,"likes\nrye",\n'
    + "office@bureau.example,,,,3,,,2023-03-04 08:05:00,,"
    + _NOWHERE
    + "2024-01-10 12:00:00,4,e4,,\n"
    + "mia@moos.example,Mi\0a,Moos,,3,,,2023-03-05 08:05:00,,"
    + _NOWHERE
    + "2024-01-10 12:00:00,5,e5,,\n"
    + "odd@row.example,Odd\n"
    + "pia@pohl.example,Pia,Pohl,,3,,,2023-03-06 08:05:00,,"
    + _NOWHERE
    + "2024-01-10 12:00:00,6,e6,,\n"
)
UNSUBSCRIBED = (
    _HEAD
    + "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS\n"
    + "lea@lang.example,Lea,Lang,030 444444,2,,,2023-03-07 08:05:00,,"
    + _NOWHERE
    + "2024-05-05 18:30:00,Spring,77,NORMAL,,7,e7,,\n"
)
CLEANED = (
    _HEAD
    + "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS\n"
    + "karla@kurz.example,Karla,Kurz,,1,,,2023-03-08 08:05:00,,"
    + _NOWHERE
    + "2024-06-06 06:00:00,Spring,77,8,e8,,\n"
)
RENAMED = ["--column", "E-Mail=email", "--column", "Vorname=given_name", "--column", "nachname=family_name"]


def packed(**texts: str) -> bytes:
    """A ZIP as Mailchimp makes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(f"{name}_members_export_4c1f0e.csv", text.encode("utf-8-sig"))
    return target.getvalue()


def put(folder: Path) -> tuple[str, str]:
    """Both exports, in *folder*."""
    (folder / "kontakte.csv").write_bytes(CONTACTS.encode("cp1252"))
    audience = packed(subscribed=SUBSCRIBED, unsubscribed=UNSUBSCRIBED, cleaned=CLEANED)
    (folder / "audience_export.zip").write_bytes(audience)
    return "kontakte.csv", "audience_export.zip"
