"""What Alembic runs: the revisions that are missing, on the connection that it is handed."""

from alembic import context

from matching_spark.journal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters few things of a table in place
)
context.run_migrations()
