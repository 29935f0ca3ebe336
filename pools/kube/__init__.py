"""How is a cluster spoken to? The only importer of `kubernetes`; it takes and returns values."""
