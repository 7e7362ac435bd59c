"""What comes out of a study: trained trials, exports, reports."""
