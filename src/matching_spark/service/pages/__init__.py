"""What is shown: a context a page, its words in Korean and English, templates, style and script."""
