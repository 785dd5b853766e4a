"""The control-plane API's own rules: what a personal access token may do there."""
