"""`python -m tests.docs` brings the computed tables of the pages up to date."""

from tests.docs import fields, laws, platforms

fields.main()
laws.main()
platforms.main()
