"""What is measured side by side: each module builds one application and says what to send to it."""
