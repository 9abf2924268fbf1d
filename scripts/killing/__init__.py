"""What `scripts/kill-test` is made of: bakes that are killed, what they lose, the store, the disk."""
