"""The page: run directories, specs and the chat engine -> a two-language Gradio application."""
