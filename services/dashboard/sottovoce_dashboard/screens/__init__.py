"""One file a page. Not named `pages`: Streamlit runs the files of such a folder by themselves."""
