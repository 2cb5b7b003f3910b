"""Where a lecture frame or a figure shows tissue: rectangles, what lies over them, and what moves all the time."""
