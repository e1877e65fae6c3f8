/** Discovery, plugins and composition. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.host;
