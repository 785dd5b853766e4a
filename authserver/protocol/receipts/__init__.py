"""What resource servers send about security events, read strictly."""
