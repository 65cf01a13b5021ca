"""What others would build: small applications of our own on known frameworks, as yardsticks."""
