"""What runs inside a zygote's box, by the interpreter of the scripts: the standard library only, nothing of ours beside."""
