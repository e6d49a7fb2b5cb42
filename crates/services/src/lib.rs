//! The services, one folder of one shape each.
