import { STORAGE } from './scenarios/storage.js';
import { playAll } from './suite.js';

playAll('storage', STORAGE);
