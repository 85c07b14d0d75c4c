#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["humanize>=4"]
# ///
"""A script that says itself what it needs."""

import humanize

print("hello,", humanize.intcomma(1234567))
