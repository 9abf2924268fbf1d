"""What `scripts/bench` is made of: cases, contests, measuring, pictures, tables, floors."""
