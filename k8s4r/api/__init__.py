"""The shared edge: authentication, strict JSON, problems, paging, idempotency, group commit."""
