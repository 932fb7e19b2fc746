"""What holds of the whole Graph API: its address, how its errors are told, and how it says how much was used."""

from __future__ import annotations

from connectors import kit

GRAPH = "https://graph.facebook.com/v26.0"
PROOF = "appsecret_proof"
CODE = "error.code"
NO_SUCH = 100
APP_SECRET = kit.Option("app_secret", "App secret", "from App settings › Basic; only if your app demands its proof")
LIMITS = kit.Limits(
    at_once=5,
    usage=kit.Usage(
        ("x-app-usage", "x-page-usage", "x-ad-account-usage", "x-business-use-case-usage"),
        ("call_count", "total_cputime", "total_time", "acc_id_util_pct"),
        "estimated_time_to_regain_access",
    ),
)
READINGS = (
    kit.When(0, kit.Verdict.STRANGER, at=CODE, among=(102, 190)),
    kit.When(0, kit.Verdict.BUSY, at=CODE, among=(4, 17, 32, 341, 613, *range(80_000, 80_015))),
    kit.When(0, kit.Verdict.DOWN, at=CODE, among=(1, 2)),
    kit.When(0, kit.Verdict.DOWN, at="error.is_transient", among=(True,)),
    kit.When(0, kit.Verdict.NARROW, at=CODE, among=(3, 10, *range(200, 300))),
)
