"""`make demo`: a good model promoted and a bad one taken out of traffic, on a real cluster, with real requests."""
