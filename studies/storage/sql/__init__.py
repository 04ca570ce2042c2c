"""The store on a relational database: SQLite for one server, PostgreSQL for several. SQLAlchemy Core."""
