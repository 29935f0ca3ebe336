"""The shared kernel's rules: pure values and arithmetic that every app may use."""
