"""The chat tab's parts: answers as safe HTML, their feed to the page, its actions, options and models in memory."""
