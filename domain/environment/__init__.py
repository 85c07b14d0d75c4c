"""The packages that scripts need, built once and used by many: where they are built, kept and thrown away."""
