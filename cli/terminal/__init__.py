"""What people read: colours, escaped text, tables, times, sizes and money in words."""
