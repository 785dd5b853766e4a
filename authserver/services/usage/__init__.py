"""How much connections are used: counted where resource servers ask, reported by them, added up, read for pages."""
