package dev.cocovisor.api;

/** One source of VM types and their hooks. */
public interface Backend {}
