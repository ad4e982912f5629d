"""What must survive: real deaths, hangs, interrupts and shortages, on real processes."""
