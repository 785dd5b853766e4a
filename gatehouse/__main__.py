"""`python -m gatehouse`."""

import sys

from gatehouse.command import main

sys.exit(main())
