"""What monitoring is given fits what the server says."""
