from dateutil import parser

print(parser.parse("21 Nov 2026").date())
