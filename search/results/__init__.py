"""What is taken out of a study: trained trials, exports, reports."""
