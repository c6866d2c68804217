"""What a person's loss consists of beside its post: links, mails, what turns up; searches."""
