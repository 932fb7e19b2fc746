"""Two made-up exports to play with: a bakery's HubSpot contacts, and its Mailchimp audience as the ZIP that one gets.

The people are generated; between them occurs each thing that `regulars try` looks for.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from regulars.trouble import WrongUse

CONTACTS = "hubspot-contacts.csv"
AUDIENCE = "audience_export.zip"

_CONTACTS = """\
Record ID,First Name,Last Name,Email,Phone Number,Company Name,Contact owner,Lifecycle Stage,\
Unsubscribed from all email,Create Date,Last Modified Date
101,Ada,Arndt,ada@arndt.example,030 1234567,Café Arndt,Jo,Customer,false,2023-02-01 09:14,2025-03-02 10:00
102,Ben,Brand,ben@brand.example,,,Jo,Lead,,2023-02-02 09:14,2025-03-02 10:00
103,Cleo,Conrad,cleo@conrad.example,030 2223344,,Jo,Customer,true,2023-02-03 09:14,2025-03-02 10:00
104,Dora,Diehl,dora@diehl.example,030 7654321,,Jo,Customer,,2023-02-04 09:14,2025-03-02 10:00
105,,,info@hotel.example,030 5556677,Hotel am See,Jo,Lead,,2023-02-05 09:14,2025-03-02 10:00
106,Ada,,ADA@arndt.example,,,Jo,Lead,,2024-06-01 09:14,2025-03-02 10:00
107,Emil,Ernst,,0151 23456789,,Jo,Lead,,2023-02-07 09:14,2025-03-02 10:00
108,Gil,Gross,gil@gross.example,,,Jo,Lead,,2023-02-08 09:14,2025-03-02 10:00
109,Hugo,Hahn,hugo@hahn.example,,,Jo,Lead,,2023-02-09 09:14,2025-03-02 10:00
110,Ida,Imhof,ida@imhof.example,030 9998877,Imhof, Söhne,Jo,Lead,,2023-02-10 09:14,2025-03-02 10:00
"""

_MEMBERS = "Email Address,First Name,Last Name,Phone Number,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,"
_PLACE = "LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,"

_SUBSCRIBED = f"""\
{_MEMBERS}{_PLACE}LAST_CHANGED,LEID,EUID,NOTES,TAGS
ada@arndt.example,Ada,Arndt,,5,2023-03-01 08:00:00,192.0.2.1,2023-03-01 08:05:00,192.0.2.1,,,,,,DE,BE,\
2024-01-10 12:00:00,1,e1,,"""
_SUBSCRIBED += '''"""Brot"",""Stammgast"""
ben@brand.example,Ben,Brand,030 8887766,4,,,2023-03-02 08:05:00,192.0.2.2,,,,,,DE,BE,2024-01-10 12:00:00,2,e2,,
cleo@conrad.example,Cleo,Conrad,,3,2023-03-03 08:00:00,192.0.2.3,2023-03-03 08:05:00,192.0.2.3,,,,,,DE,BE,\
2024-01-10 12:00:00,3,e3,,
dora@diehl.example,Dorothea,Diehl,+49 30 7654321,4,,,2023-03-04 08:05:00,,,,,,,DE,BE,2024-01-10 12:00:00,4,e4,,
info@hotel.example,,,,2,,,2023-03-05 08:05:00,,,,,,,DE,BE,2024-01-10 12:00:00,5,e5,,
finn@fuchs.example,Finn,Fuchs,,2,,,2023-03-06 08:05:00,,,,,,,DE,BE,2024-01-10 12:00:00,6,e6,"asks for
rye bread",
'''
_UNSUBSCRIBED = f"""\
{_MEMBERS}{_PLACE}UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS
gil@gross.example,Gil,Gross,030 1112233,2,,,2023-03-07 08:05:00,,,,,,,DE,BE,\
2024-05-05 18:30:00,Spring bread,77,NORMAL,,7,e7,,
"""
_CLEANED = f"""\
{_MEMBERS}{_PLACE}CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS
hugo@hahn.example,Hugo,Hahn,,1,,,2023-03-08 08:05:00,,,,,,,DE,BE,2024-06-06 06:00:00,Spring bread,77,8,e8,,
"""


def put(folder: Path) -> list[Path]:
    """Write the examples into *folder*. Raises WrongUse where it would replace a file."""
    paths = [folder / CONTACTS, folder / AUDIENCE]
    for path in paths:
        if path.exists():
            raise WrongUse(f"{path} is there already.", fix="Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    paths[0].write_text(_CONTACTS, "utf-8")
    with zipfile.ZipFile(paths[1], "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, text in (("subscribed", _SUBSCRIBED), ("unsubscribed", _UNSUBSCRIBED), ("cleaned", _CLEANED)):
            archive.writestr(f"{kind}_members_export_4c1f.csv", text)
    return paths
