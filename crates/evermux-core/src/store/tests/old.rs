//! Stores of released formats are readable for ever.
