"""The process that owns the work: slots, process groups, the spool, the watch over the lease."""
