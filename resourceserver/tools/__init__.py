"""The tools of this server: published beforehand, and listed to those who may have them."""
