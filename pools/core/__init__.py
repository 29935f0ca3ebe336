"""The rules about capacity: values and decisions about where work may run. Pure."""
