"""The dashboard: Streamlit over the query service's gRPC, and nothing else."""
