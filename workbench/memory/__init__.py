"""What a spec will need, by part, before it runs; against what the device has; and how to make it fit."""
