"""ROS bags in and out: ROS 1 bags, ROS 2 MCAP files and SQLite bags, by the package rosbags.

A bag is read by topics and header stamps into frames of a recording, and a recording is written as
a bag that ROS tools play. Units follow REP 118 and are said, never guessed in silence.
"""
