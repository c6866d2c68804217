"""Strangers' photos: decoded in processes of their own, kept encoded anew, shown by sealed names"""
