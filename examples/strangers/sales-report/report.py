"""Totals by country."""

import sys

import pandas as pd

totals = pd.read_csv(sys.argv[1]).groupby("country")["amount"].sum()
totals.to_csv("totals.csv")
print(totals.to_string(header=False))
