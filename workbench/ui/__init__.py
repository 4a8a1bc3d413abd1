"""The page: run directories, specs and the chat engine -> a two-language Gradio application."""

from workbench.ui import stubs

stubs.skip()  # before any module here imports gradio
