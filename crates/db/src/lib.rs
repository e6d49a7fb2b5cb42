//! Two engines behind one narrow border: the only crate that names a database driver.
