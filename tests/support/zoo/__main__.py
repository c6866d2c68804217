"""`python -m tests.support.zoo` writes the table of docs/photos.md."""

from tests.support import page
from tests.support.zoo import table, zoo

page.write("zoo", table(zoo()))
