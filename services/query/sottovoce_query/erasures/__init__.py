"""Erasures as the query service has them asked for, followed and certified; for stewards."""
