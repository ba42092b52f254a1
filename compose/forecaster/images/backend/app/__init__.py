"""The forecaster's backend."""
