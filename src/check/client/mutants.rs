//! Mutants: every row of the client's table changed in every small way, and the law that notices.
