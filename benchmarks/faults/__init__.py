"""A fault drill: everything that production has, on one machine, and each part of it broken in turn under load."""
