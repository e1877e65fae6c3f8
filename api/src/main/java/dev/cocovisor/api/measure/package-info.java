/**
 * Launch measurements of firmware images. Each technology offers one measurer, found through\n *
 * ServiceLoader; the command line only passes options and prints steps.\n
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.measure;
