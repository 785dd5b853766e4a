"""Acts. Each is one transaction and writes its event; nothing above this floor saves a row of ours."""
