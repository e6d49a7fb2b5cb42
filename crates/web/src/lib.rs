//! The HTTP vocabulary: callers, replies, error dialects, limits, OpenAPI.
